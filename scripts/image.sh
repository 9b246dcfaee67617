#!/usr/bin/env bash
# Makes the image: `image.sh [TAG]`. From the binary that THOTH_BINARY names, else from one that is built here, else,
# where there is no Rust toolchain, wholly inside Docker.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"
tag=${1:-thoth:local}
docker=$(building_docker)

arguments=(
  --tag "$tag" --file docker/Dockerfile
  --build-arg VERSION="$(grep -m1 '^version' Cargo.toml | cut -d '"' -f 2)"
  --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)"
)
if [ -n "${THOTH_BINARY:-}" ] || command -v cargo >/dev/null; then
  binary=${THOTH_BINARY:-$(scripts/build-static.sh)}
  folder=$(mktemp -d)
  docker/layout.sh "$binary" "$folder/image"
  builder=$tag-files
  tar --directory "$folder" --owner 0 --group 0 --create image | "$docker" import - "$builder" >/dev/null
  rm -rf "$folder"
  arguments+=(--build-arg BUILDER="$builder")
fi
DOCKER_BUILDKIT=1 "$docker" build --quiet "${arguments[@]}" . >/dev/null
if [ -n "${builder:-}" ]; then "$docker" image rm --force "$builder" >/dev/null; fi
echo "image $tag: $(("$("$docker" image inspect --format '{{.Size}}' "$tag")" / 1000000)) MB"
