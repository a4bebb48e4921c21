#!/usr/bin/env bash
# Fills a folder with links to the static forms of the libraries that roost uses, for a linker to find before the shared ones.
# A library that has none here is left out, and then linked as a shared one.
#
#     Tools/static-libs.sh FOLDER
set -euo pipefail
folder="$1"
rm -rf "$folder"
mkdir -p "$folder"
for name in ssl crypto http_parser pcre2-8 sqlite3 zstd stdc++ uv; do
  # Debian's libuv calls its archive libuv_a.a.
  for candidate in "lib$name.a" "lib${name}_a.a"; do
    path=$("${CC:-cc}" -print-file-name="$candidate")
    [ -e "$path" ] || continue
    ln -sf "$(realpath "$path")" "$folder/lib$name.a"
    break
  done
done
