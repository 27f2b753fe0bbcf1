#!/bin/sh
# Makes a private authority and certificates under it, with openssl alone. See docs/operations.md.
#
#   make-certificates.sh authority FOLDER NAME         ca.crt, which everyone gets, and ca.key
#   make-certificates.sh server FOLDER NAME HOST...    NAME.crt and NAME.key for names or addresses
#   make-certificates.sh client FOLDER USER            USER.crt and USER.key; USER as in the acl
#
# DAYS=3650 says how long a certificate is valid. Made again, it is renewed and its key stays.
# ca.key makes valid certificates for anyone who has it: keep it off the gateway and the broker.
set -eu
umask 077
DAYS=${DAYS:-3650}

fail() {
    echo "make-certificates.sh: $1" >&2
    exit "${2:-1}"
}

usage() {
    fail "usage: authority FOLDER NAME | server FOLDER NAME HOST... | client FOLDER USER" 2
}

# A plain file name, which is also a common name of at most 64 characters.
check_name() {
    case $1 in
        "" | ca | .* | *[!A-Za-z0-9._-]*) fail "'$1': use letters, digits, '.', '_' and '-', and not 'ca'" ;;
    esac
    [ ${#1} -le 64 ] || fail "'$1': is longer than 64 characters; choose a shorter name"
}

# A configuration of our own: the machine's may add extensions.
write_config() {
    cat >"$scratch/openssl.cnf" <<EOF
[req]
distinguished_name = name
prompt = no
utf8 = yes
string_mask = utf8only
[name]
CN = $1
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${2:-DNS:unused}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF
}

make_key() {
    [ -e "$1" ] || openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

make_authority() {
    case $1 in
        "" | *[/\\\$#\"\`]*) fail "'$1': a name for people, without / \\ \$ # \" and \`" ;;
    esac
    mkdir -p "$folder"
    [ ! -e "$folder/ca.key" ] || fail "$folder/ca.key: is there already; choose another folder, or remove it, which ends every certificate under it"
    write_config "$1"
    make_key "$scratch/key"
    openssl req -new -x509 -sha256 -days 7300 -config "$scratch/openssl.cnf" -extensions authority \
        -key "$scratch/key" -out "$scratch/made"
    cp "$scratch/key" "$folder/ca.key"
    place ca
}

issue() {
    kind=$1 name=$2 hosts=${3:-}
    [ -e "$folder/ca.key" ] || fail "$folder/ca.key: is missing; make the authority first"
    write_config "$name" "$hosts"
    make_key "$folder/$name.key"
    openssl req -new -sha256 -config "$scratch/openssl.cnf" -key "$folder/$name.key" -out "$scratch/wanted"
    openssl x509 -req -sha256 -days "$DAYS" -in "$scratch/wanted" -CA "$folder/ca.crt" \
        -CAkey "$folder/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
        -extfile "$scratch/openssl.cnf" -extensions "$kind" -out "$scratch/made" 2>"$scratch/words" \
        || fail "$(cat "$scratch/words")"
    place "$name"
}

# Whole or not at all: a broker may read it at any moment.
place() {
    cp "$scratch/made" "$folder/$1.crt.new"
    chmod 644 "$folder/$1.crt.new"
    mv "$folder/$1.crt.new" "$folder/$1.crt"
    echo "$folder/$1.crt: $(openssl x509 -in "$folder/$1.crt" -noout -enddate)"
}

[ $# -ge 3 ] || usage
what=$1 folder=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case $what in
    authority)
        [ $# -eq 3 ] || usage
        make_authority "$3"
        ;;
    server)
        [ $# -ge 4 ] || usage
        check_name "$3"
        name=$3 list=""
        shift 3
        for host in "$@"; do
            case $host in
                "" | *[!A-Za-z0-9.:*-]*) fail "'$host': is no host name and no address" ;;
                *:*) kind=IP ;;
                *[!0-9.]*) kind=DNS ;;
                *) kind=IP ;;
            esac
            list="$list${list:+, }$kind:$host"
        done
        issue server "$name" "$list"
        ;;
    client)
        [ $# -eq 3 ] || usage
        check_name "$3"
        issue client "$3"
        ;;
    *) usage ;;
esac
