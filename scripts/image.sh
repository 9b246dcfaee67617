#!/usr/bin/env bash
# Makes the image from the static binary: `image.sh [TAG]`. THOTH_BINARY names a binary that is built already.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"
tag=${1:-thoth:local}
command -v docker >/dev/null || fail "there is no \`docker\` command"

binary=${THOTH_BINARY:-$(scripts/build-static.sh)}
file=$target/image
rm -rf "$file"
# These two are all that an image FROM scratch lacks. A named volume takes the mode of the folder it first covers, so
# that any user can write its state.
mkdir -p "$file/tmp" "$file/state"
chmod 1777 "$file/tmp" "$file/state"
install -m 755 "$binary" "$file/thoth"

docker build --quiet --tag "$tag" --file docker/Dockerfile \
  --build-arg VERSION="$(grep -m1 '^version' Cargo.toml | cut -d '"' -f 2)" \
  --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" "$file" >/dev/null
echo "image $tag: $(du -h "$file/thoth" | cut -f 1)"
