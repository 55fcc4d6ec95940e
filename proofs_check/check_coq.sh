#!/bin/sh
# Builds the Coq development, has the independent checker coqchk check the compiled files, and compares the axioms that they rest on
# with the expected ones: those of Coq's classical real numbers; and the theorems' statements with statements.txt. Installs Debian's two packages where apt is at hand and this user
# may; says what is missing otherwise.
set -eu
cd "$(dirname "$0")/coq"
if ! command -v coqc >/dev/null 2>&1 || ! [ -d "$(coqc -where)/user-contrib/mathcomp" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends coq libcoq-mathcomp-ssreflect >/dev/null
    else
        echo "make proofs: Coq 8.16 with mathcomp is missing; on Debian: apt-get install coq libcoq-mathcomp-ssreflect" >&2
        exit 2
    fi
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
make --no-print-directory check >"$log" 2>&1 || { tail -n 40 "$log" >&2; exit 1; }
found=$(sed -n '/^\* Axioms:/,/^\* Constants/p' "$log" | sed -n 's/^  *\([A-Z].*\)/\1/p' | LC_ALL=C sort)
expected='Coq.Logic.Classical_Prop.classic
Coq.Logic.FunctionalExtensionality.functional_extensionality_dep
Coq.Reals.ClassicalDedekindReals.sig_forall_dec
Coq.Reals.ClassicalDedekindReals.sig_not_dec'
printf 'axioms in use:\n%s\n' "$found"
if [ "$found" != "$expected" ]; then
    printf 'make proofs: expected the axioms\n%s\n' "$expected" >&2
    exit 1
fi
if ! coqc -Q theories AlberDICE -w none theories/Statements.v | diff statements.txt - >&2; then
    echo "make proofs: the theorems' statements are not those of statements.txt; if they are meant, make -C proofs_check/coq statements" >&2
    exit 1
fi
echo "proofs: $(ls theories/*.v | wc -l) files compiled, checked by coqchk, no axiom beyond those of the classical real numbers"
