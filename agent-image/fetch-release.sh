#!/bin/sh
# Fetches the release archive of tfc-agent or terraform, verifies its origin, and unpacks it. It unpacks nothing unless all of
# these conditions hold:
#
#   the key file contains exactly one public key, with the pinned primary fingerprint
#   SHA256SUMS has exactly one signature; it is valid today, and that key or one of its signing subkeys made it
#   SHA256SUMS lists the archive once, with the checksum that the archive has
#   the archive contains the product's programs, for the right architecture
#
# POSIX sh. Needs curl, gpg, gpgv, sha256sum, od and unzip. You can run it without a build:
#
#   TFC_AGENT_VERSION=1.33.0 AGENT_ARCHITECTURE=amd64 agent-image/fetch-release.sh DIRECTORY
#   RELEASE_PRODUCT=terraform TERRAFORM_VERSION=1.11.4 AGENT_ARCHITECTURE=amd64 agent-image/fetch-release.sh DIRECTORY
#
# https://developer.hashicorp.com/terraform/cloud-docs/agents/agents (Download and Install the Agent)
# https://www.hashicorp.com/trust/security (the key)
set -eu
export LC_ALL=C

fail() { printf 'fetch-release: %s\n' "$*" >&2; exit 1; }
setting() { # $1: name, $2: value, $3: pattern, $4: what is allowed
  { [ "$(printf '%s' "$2" | wc -l)" -eq 0 ] && printf '%s\n' "$2" | grep -Eqx "$3"; } || fail "$1 is '$2'; set $4."
}

[ $# -eq 1 ] || fail 'specify the directory to unpack into.'
product=${RELEASE_PRODUCT:-tfc-agent}
case $product in
  tfc-agent) named=TFC_AGENT_VERSION version=${TFC_AGENT_VERSION-} example=1.33.0 programs='tfc-agent tfc-agent-core' ;;
  terraform) named=TERRAFORM_VERSION version=${TERRAFORM_VERSION-} example=1.11.4 programs=terraform ;;
  *) fail "RELEASE_PRODUCT is '$product'; set tfc-agent or terraform." ;;
esac
architecture=${AGENT_ARCHITECTURE-}
releases=${RELEASES_URL:-https://releases.hashicorp.com}
key_url=${KEY_URL:-https://www.hashicorp.com/.well-known/pgp-key.txt}
fingerprint=${KEY_FINGERPRINT:-C874011F0AB405110D02105534365D9472D7468F}
setting "$named" "$version" '[0-9]+\.[0-9]+\.[0-9]+' "a version such as $example"
setting AGENT_ARCHITECTURE "$architecture" 'amd64|arm64' 'amd64 or arm64'
setting RELEASES_URL "$releases" 'https?://[^[:space:]]+' 'an address such as https://releases.hashicorp.com'
setting KEY_URL "$key_url" 'https?://[^[:space:]]+' 'an address such as https://www.hashicorp.com/.well-known/pgp-key.txt'
setting KEY_FINGERPRINT "$fingerprint" '[0-9A-F]{40}' 'the 40 hexadecimal digits, in capitals and without spaces, of a primary key'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GNUPGHOME="$work/gnupg"
mkdir -m 0700 "$GNUPGHOME"
sums=${product}_${version}_SHA256SUMS
archive=${product}_${version}_linux_${architecture}.zip

fetch() { # $1: address, $2: file, $3: maximum number of bytes
  # The signature and the checksum verify the content, so the connection may be plain HTTP.
  curl -q --fail --silent --show-error --location --max-redirs 5 --proto '=https,http' --retry 3 --connect-timeout 20 \
    --max-filesize "$3" --output "$work/$2" "$1" || fail "could not fetch $1."
}

# -- The key
fetch "$key_url" key 1000000
gpg --batch --quiet --with-colons --show-keys "$work/key" >"$work/keys" 2>/dev/null || fail "$key_url contains no OpenPGP key."
found=$(awk -F: '$1 ~ /^(pub|sec)$/ { primary = 1 } $1 == "fpr" && primary { print $10; primary = 0 }' "$work/keys" | tr '\n' ' ')
[ "$found" = "$fingerprint " ] ||
  fail "$key_url contains the key $found- but only the key $fingerprint is expected. If HashiCorp changed its key, its security" \
    'page says so. Verify the new key through a different channel before you pin it.'
gpg --batch --quiet --dearmor <"$work/key" >"$work/keyring" 2>/dev/null || cp "$work/key" "$work/keyring"

# -- The signature: gpgv must accept exactly one signature by that key (the last field of VALIDSIG is the primary fingerprint)
# https://github.com/gpg/gnupg/blob/master/doc/DETAILS
fetch "$releases/$product/$version/$sums" sums 1000000
fetch "$releases/$product/$version/$sums.sig" sums.sig 100000
gpgv --keyring "$work/keyring" --weak-digest SHA1 --status-fd 3 "$work/sums.sig" "$work/sums" \
  3>"$work/status" 2>"$work/gpg.log" || true
signed=$(awk -v want="$fingerprint" '
  $1 != "[GNUPG:]" { next }
  $2 == "NEWSIG" { signatures += 1 }
  $2 == "GOODSIG" { good += 1 }
  $2 == "VALIDSIG" && $NF == want && $11 == "00" { valid += 1 }
  $2 ~ /^(BADSIG|ERRSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|NODATA|UNEXPECTED)$/ { bad = bad " " $2 }
  END { print (signatures == 1 && good == 1 && valid == 1 && bad == "") ? "yes" : "no:" bad }' "$work/status")
[ "$signed" = yes ] || {
  cat "$work/gpg.log" >&2
  fail "$sums.sig is not one valid signature of $sums by $fingerprint ($signed)."
}

# -- The archive
sum=$(awk -v name="$archive" '
  NF == 2 && ($2 == name || $2 == "*" name) { sum = $1; lines += 1 }
  END { if (lines == 1 && length(sum) == 64 && sum !~ /[^0-9a-f]/) print sum }' "$work/sums")
[ -n "$sum" ] || fail "$sums does not list $archive exactly once, so there is no such release."
fetch "$releases/$product/$version/$archive" archive.zip 1000000000
got=$(sha256sum <"$work/archive.zip" | cut -d ' ' -f 1)
[ "$got" = "$sum" ] || fail "$archive has the checksum $got, but $sums lists $sum: it is a different file or incomplete."

mkdir "$work/files"
unzip -q "$work/archive.zip" -d "$work/files" || fail "$archive cannot be unpacked."
case $architecture in amd64) machine=3e00 ;; *) machine=b700 ;; esac # e_machine of elf(5): x86-64, AArch64
for program in $programs; do
  { [ -f "$work/files/$program" ] && [ ! -h "$work/files/$program" ]; } || fail "$archive contains no file $program."
  head=$(od -An -v -tx1 -N20 "$work/files/$program" | tr -d ' \n')
  case $head in
    7f454c46????????????????????????????"$machine") ;;
    *) fail "$program in $archive is not a program for $architecture." ;;
  esac
  # Set the final mode here, which hides the programs from the agent's user. If a later layer changed the mode, the image would
  # store them twice.
  case $program in tfc-agent*) chmod 0711 "$work/files/$program" ;; *) chmod 0755 "$work/files/$program" ;; esac
done

mkdir -p "$1"
cp -R "$work/files/." "$1"
printf 'fetch-release: %s, signed by %s, checksum %s\n' "$archive" "$fingerprint" "$sum"
