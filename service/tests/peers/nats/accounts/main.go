// Makes what an operator of NATS gives out, with the libraries that nsc is made of: an account with JetStream
// and one without, a user of each, and the part of nats-server.conf that knows them.
//
//	accounts FOLDER PUBLISH SUBSCRIBE
//
// PUBLISH and SUBSCRIBE are the subjects that the users may use, with commas between them. It leaves
// operator.conf, fanfare.creds, and without-jetstream.creds in the folder.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("accounts FOLDER PUBLISH SUBSCRIBE")
	}
	folder, publish, subscribe := os.Args[1], strings.Split(os.Args[2], ","), strings.Split(os.Args[3], ",")
	operator := newKey(nkeys.CreateOperator)
	system := account(operator, "SYS", jwt.JetStreamLimits{})
	limits := jwt.JetStreamLimits{MemoryStorage: 1 << 20, DiskStorage: 1 << 30, Streams: 1, Consumer: 100}
	accounts := map[string]signed{
		"fanfare":           account(operator, "FANFARE", limits),
		"without-jetstream": account(operator, "OTHER", jwt.JetStreamLimits{}),
	}
	claims := jwt.NewOperatorClaims(public(operator))
	claims.Name = "O"
	claims.SystemAccount = public(system.key)
	config := fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: {\n  %s: %s\n",
		encoded(claims, operator), public(system.key), system.token)
	for name, owner := range accounts {
		config += fmt.Sprintf("  %s: %s\n", public(owner.key), owner.token)
		write(folder, name+".creds", credentials(owner, publish, subscribe))
	}
	write(folder, "operator.conf", []byte(config+"}\n"))
}

// An account, with what an operator has signed of it.
type signed struct {
	key   nkeys.KeyPair
	token string
}

func account(operator nkeys.KeyPair, name string, limits jwt.JetStreamLimits) signed {
	key := newKey(nkeys.CreateAccount)
	claims := jwt.NewAccountClaims(public(key))
	claims.Name = name
	claims.Limits.JetStreamLimits = limits
	return signed{key, encoded(claims, operator)}
}

// What a file of credentials holds: the token of a user, and its seed.
func credentials(owner signed, publish, subscribe []string) []byte {
	key := newKey(nkeys.CreateUser)
	claims := jwt.NewUserClaims(public(key))
	claims.Pub.Allow.Add(publish...)
	claims.Sub.Allow.Add(subscribe...)
	seed, err := key.Seed()
	check(err)
	file, err := jwt.FormatUserConfig(encoded(claims, owner.key), seed)
	check(err)
	return file
}

func encoded(claims jwt.Claims, by nkeys.KeyPair) string {
	token, err := claims.Encode(by)
	check(err)
	return token
}

func newKey(create func() (nkeys.KeyPair, error)) nkeys.KeyPair {
	key, err := create()
	check(err)
	return key
}

func public(key nkeys.KeyPair) string {
	name, err := key.PublicKey()
	check(err)
	return name
}

func write(folder, name string, text []byte) {
	check(os.WriteFile(filepath.Join(folder, name), text, 0o600))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
