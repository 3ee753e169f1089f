#!/bin/bash
#: needs openssl
#: package openssl
#: version openssl version
openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=weir 2>/dev/null; openssl verify -CAfile c.pem c.pem
openssl ecparam -genkey -name prime256v1 -noout -out e.pem; echo text >t; openssl dgst -sha256 -sign e.pem -out s t; openssl ec -in e.pem -pubout -out p.pem 2>/dev/null; openssl dgst -sha256 -verify p.pem -signature s t
seq 1 20000 | openssl enc -aes-256-cbc -pbkdf2 -k pass -S 0102030405060708 | md5sum; seq 1 9 | openssl cms -encrypt -outform DER c.pem | openssl cms -decrypt -inform DER -inkey k.pem -recip c.pem
openssl s_server -unix sock -key k.pem -cert c.pem -quiet -naccept 3 </dev/null >served 2>/dev/null & server=$!
trap 'kill $server 2>/dev/null' EXIT
for _ in {1..200}; do [[ -S sock ]] && break; sleep 0.05; done
for i in 1 2 3; do (echo "hello $i"; sleep 0.3) | openssl s_client -unix sock -CAfile c.pem -verify_return_error -quiet >/dev/null 2>&1; echo "status $?"; done
wait $server; tr -d '\r' <served; openssl x509 -in t -noout 2>/dev/null; echo "status $?"
