// Package sbom writes software bills of materials: what an image is made of,
// under which licences, and from which sources.
//
// The output is SPDX 2.3 in JSON. It holds one package for the image, one for
// each component that the image contains, one for each source archive that a
// component was made from, one for each build tool, one for each Go program and
// one for each module that is linked into those, with the relationships
//
//	document DESCRIBES image
//	image CONTAINS component
//	component GENERATED_FROM source
//	tool BUILD_TOOL_OF image
//	image CONTAINS program
//	program STATIC_LINK module
//
// The same input gives the same bytes: order does not matter, the creation time
// is the caller's, and the document's namespace is derived from its content.
//
// Source: SPDX specification 2.3 (ISO/IEC 5962), clauses 6 (document), 7
// (package, with 7.9 the verification code), 8 (file), 10 (other licences) and
// 11 (relationships); its JSON schema.
package sbom
