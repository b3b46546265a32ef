#!/bin/sh
# What `cargo build --features cuda` needs and a machine without a GPU does not have: NVIDIA's compiler and libraries
# from PyPI's wheels (toolkit.txt), where builds look for them. Prints what to set:
#
#   eval "$(functions/gpu-runner/cuda/toolkit.sh DIR)"
#
# DIR is made when it is not there, and takes 2 GB. Wants pip, gcc and git. docs/CUDA.md says more.
set -eu
dir=${1:?a directory to put it in}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
home=$dir/nvidia/cu13

if ! cmp -s "$here/toolkit.txt" "$dir/toolkit.txt"; then
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --no-warn-script-location --root-user-action ignore --upgrade --target "$dir" --requirement "$here/toolkit.txt" >&2

    # Wheels have the names that programs load; linkers look for those without a version, in lib64.
    ln -sfn lib "$home/lib64"
    ln -sf "$dir"/nvidia/cudnn/lib/lib*.so.* "$home/lib/"
    for library in "$home"/lib/lib*.so.*; do
        name=$(basename "$library")
        ln -sf "$name" "$home/lib/${name%%.so.*}.so"
    done
    ln -sf "$dir"/nvidia/cudnn/include/*.h "$home/include/"

    # The driver's library comes with the driver. To link against it, its names are enough; what they answer is that there
    # is no GPU (CUDA_ERROR_NO_DEVICE), so that programs start where there is no driver.
    mkdir -p "$home/lib/stubs"
    grep -oE '\bcu[A-Z][A-Za-z0-9_]*' "$home/include/cuda.h" | sort -u | sed 's/.*/int &(void) { return 100; }/' |
        gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$home/lib/stubs/libcuda.so.1" -x c -
    ln -sf libcuda.so.1 "$home/lib/stubs/libcuda.so"

    # candle-flash-attn takes CUTLASS from a git checkout of one commit, or from where it put one before: the commit is
    # CUTLASS 3.5.0, whose headers are a wheel as well.
    cutlass=$dir/git/checkouts/cutlass-7d49e6c7e2f8896c
    mkdir -p "$cutlass/tools/util"
    ln -sfn "$dir/cutlass_library/source/include" "$cutlass/include"
    ln -sfn "$dir/cutlass_library/source/tools/util/include" "$cutlass/tools/util/include"
    git init --quiet "$cutlass"
    echo 7d49e6c7e2f8896c47f586706e67e1fb215529dc >"$cutlass/.git/HEAD"

    cp "$here/toolkit.txt" "$dir/toolkit.txt"
fi

cat <<END
export CUDA_HOME='$home' CUDA_PATH='$home' CUDAFORGE_HOME='$dir'
export PATH='$home/bin':"\$PATH"
export RUSTFLAGS="\${RUSTFLAGS:-} -L native=$home/lib -L native=$home/lib/stubs"
END
