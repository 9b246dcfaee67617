#!/bin/sh
# Lays out the files of the image: `layout.sh BINARY FOLDER`. Runs on the host and in the stage that compiles.
set -eu

# The two folders are all that an image FROM scratch lacks. A named volume takes the mode of the folder it first covers,
# so that any user can write its state.
mkdir -p "$2/tmp" "$2/state"
chmod 1777 "$2/tmp" "$2/state"
install -m 755 "$1" "$2/thoth"
