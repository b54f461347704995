package cosign

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// PasswordVariables are the environment variables that may hold the password
// of a private key, first found first used. A variable that is set but empty
// is an empty password.
var PasswordVariables = []string{"COSIGN_PASSWORD", "AKMON_KEY_PASSWORD"}

// Password returns the password of a private key: from the environment, else
// by asking on the terminal (prompt on standard error, no echo). Without a
// terminal it is an error that names the variables.
func Password() ([]byte, error) {
	if secret, ok := passwordFromEnv(); ok {
		return secret, nil
	}

	return ask("Enter password for private key: ")
}

// NewPassword is Password for a key that is about to be made: the terminal
// asks twice.
func NewPassword() ([]byte, error) {
	if secret, ok := passwordFromEnv(); ok {
		return secret, nil
	}

	first, err := ask("Enter password for private key: ")
	if err != nil {
		return nil, err
	}

	second, err := ask("Enter password for private key again: ")
	if err != nil {
		return nil, err
	}

	if string(first) != string(second) {
		return nil, errors.New("the two passwords differ")
	}

	return first, nil
}

func passwordFromEnv() ([]byte, bool) {
	for _, name := range PasswordVariables {
		if secret, ok := os.LookupEnv(name); ok {
			return []byte(secret), true
		}
	}

	return nil, false
}

func ask(prompt string) ([]byte, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, fmt.Errorf("no terminal to ask for the password: set %s", PasswordVariables[0])
	}

	fmt.Fprint(os.Stderr, prompt)

	secret, err := term.ReadPassword(fd)

	fmt.Fprintln(os.Stderr)

	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}

	return secret, nil
}
