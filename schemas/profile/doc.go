// Package profile is the imager's profile: a YAML document that says which
// boot asset to make, for which architecture and platform, from which inputs.
//
// The fields are those that the public Talos documentation describes ("Boot
// Assets", "Imager"), so that existing profiles can be read. [Load] decodes
// strictly and lays the document over the base profile that it names;
// [Named] gives the documented base profiles. What a profile asks for is not
// necessarily what an imager can do: that is the imager's to say, with
// [Profile.Find] for the place in the document.
package profile
