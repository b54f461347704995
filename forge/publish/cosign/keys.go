package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// PEM block types. The second encrypted one is what cosign wrote before 2.0.
const (
	pemEncrypted    = "ENCRYPTED SIGSTORE PRIVATE KEY"
	pemEncryptedOld = "ENCRYPTED COSIGN PRIVATE KEY"
	pemPKCS8        = "PRIVATE KEY"
	pemEC           = "EC PRIVATE KEY"
	pemRSA          = "RSA PRIVATE KEY"
	pemPublic       = "PUBLIC KEY"
)

// minRSABits is the shortest RSA modulus that is accepted.
const minRSABits = 2048

var (
	// ErrPassword means that an encrypted private key did not open: the
	// password is wrong or the key is damaged; the cipher cannot tell which.
	ErrPassword = errors.New("wrong password or damaged key")
	// ErrKey means that the bytes are not a key of a kind that is understood.
	ErrKey = errors.New("unreadable key")
)

// GenerateKeyPair makes an ECDSA P-256 key pair as `cosign generate-key-pair`
// does: the private key as PKCS #8, encrypted with password (which may be
// empty), the public key as PKIX; both as PEM.
func GenerateKeyPair(password []byte) (private, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate ECDSA key: %w", err)
	}

	private, err = EncryptPrivateKey(key, password)
	if err != nil {
		return nil, nil, err
	}

	public, err = MarshalPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}

	return private, public, nil
}

// EncryptPrivateKey writes key as cosign's encrypted PEM.
func EncryptPrivateKey(key crypto.Signer, password []byte) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("marshal private key: %w", err)
	}

	sealed, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, fmt.Errorf("encrypt private key: %w", err)
	}

	return pem.EncodeToMemory(&pem.Block{Type: pemEncrypted, Bytes: sealed}), nil
}

// MarshalPublicKey writes a public key as PKIX PEM.
func MarshalPublicKey(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("marshal public key: %w", err)
	}

	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der}), nil
}

// ParsePrivateKey reads a PEM private key: cosign's encrypted form, or plain
// PKCS #8, SEC 1 (EC) or PKCS #1 (RSA). password is called only for an
// encrypted key. Errors are ErrKey, ErrPassword or what password returned.
func ParsePrivateKey(data []byte, password func() ([]byte, error)) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM block", ErrKey)
	}

	var (
		key any
		err error
	)

	switch block.Type {
	case pemEncrypted, pemEncryptedOld:
		key, err = decrypt(block.Bytes, password)
	case pemPKCS8:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case pemEC:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case pemRSA:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemPublic:
		return nil, fmt.Errorf("%w: this is a public key, signing needs the private one", ErrKey)
	default:
		return nil, fmt.Errorf("%w: PEM block %q is not a private key", ErrKey, block.Type)
	}

	if err != nil {
		if errors.Is(err, ErrKey) || errors.Is(err, ErrPassword) {
			return nil, err
		}

		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}

	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: %T cannot sign", ErrKey, key)
	}

	return signer, checkPublic(signer.Public())
}

// decrypt opens cosign's envelope.
func decrypt(sealed []byte, password func() ([]byte, error)) (any, error) {
	if password == nil {
		return nil, fmt.Errorf("%w: the key is encrypted and there is no password", ErrPassword)
	}

	secret, err := password()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPassword, err)
	}

	der, err := encrypted.Decrypt(sealed, secret)
	if err != nil {
		return nil, ErrPassword
	}

	return x509.ParsePKCS8PrivateKey(der)
}

// ParsePublicKey reads a PEM public key (PKIX). A certificate or a private
// key is an error: what is trusted should be said exactly.
func ParsePublicKey(data []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%w: no PEM block", ErrKey)
	}

	if block.Type != pemPublic {
		return nil, fmt.Errorf("%w: PEM block %q is not a public key", ErrKey, block.Type)
	}

	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}

	return key, checkPublic(key)
}

// checkPublic refuses kinds of keys that Sign and Verify do not handle.
func checkPublic(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("%w: RSA key of %d bits is too short (at least %d)", ErrKey, key.N.BitLen(), minRSABits)
		}

		return nil
	default:
		return fmt.Errorf("%w: keys of type %T are not supported", ErrKey, key)
	}
}

// Fingerprint is the SHA-256 of the key's PKIX encoding in hexadecimal: a
// short name for a key in messages.
func Fingerprint(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("marshal public key: %w", err)
	}

	sum := sha256.Sum256(der)

	return hex.EncodeToString(sum[:]), nil
}
