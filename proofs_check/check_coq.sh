#!/bin/sh
# Builds the Coq development, has the independent checker coqchk check the compiled files, and compares the axioms that they rest on
# with the expected ones: those of Coq's classical real numbers. Installs Debian's two packages where apt is at hand and this user
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
make --no-print-directory all >/dev/null
summary=$(make --no-print-directory check 2>&1)
found=$(printf '%s\n' "$summary" | sed -n '/^\* Axioms:/,/^\* /p' | grep '^ ' | sed 's/^ *//' | sort)
expected='Coq.Logic.Classical_Prop.classic
Coq.Logic.FunctionalExtensionality.functional_extensionality_dep
Coq.Reals.ClassicalDedekindReals.ClassicalDedekindReals.sig_forall_dec
Coq.Reals.ClassicalDedekindReals.ClassicalDedekindReals.sig_not_dec'
printf 'axioms in use:\n%s\n' "$found"
if [ "$found" != "$expected" ]; then
    printf 'make proofs: unexpected axioms. coqchk said:\n%s\n' "$summary" >&2
    exit 1
fi
echo "proofs: $(ls theories/*.v | wc -l) files compiled, checked by coqchk, no axiom beyond those of the classical real numbers"
