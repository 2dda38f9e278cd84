# module.sh: sourced by a build.sh of a test's module for nginx, as
#
#   build.sh BUILD OUT
#
# where BUILD is what "make" left and OUT the module to be made of the folder's
# own files.  Gives $obj, the folder of the product's objects, and link.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
obj=$(cd "$1" && pwd)/obj
out=$2


# link ARGUMENT...: compiles the folder's files and links them with the
# arguments, by the compiler and the flags that the product was built with.

link() {
    local cc cflags flag dir san=()

    read -r -a cc <<< "$(value CC)"
    read -r -a cflags <<< "$(value CFLAGS)"

    # nginx's own folders are named from where it was configured

    local src=/usr/share/nginx/src
    [ ! -d "$obj/../nginx-src" ] || src=$obj/../nginx-src

    local incs=(-I "$top/src" -I "$obj" -I "$here")

    for dir in core event event/modules os/unix http http/modules http/v2; do
        incs+=(-I "$src/src/$dir")
    done

    for flag in "${cflags[@]}"; do
        case $flag in -fsanitize=*) san+=("$flag") ;; esac
    done

    "${cc[@]}" -fPIC "${cflags[@]}" "${incs[@]}" -shared -o "$out" \
        "$here"/*.c "$@" "${san[@]}"
}


value() {
    sed -n "s/^$1 =[[:space:]]*//p" "$obj/Makefile" | head -n 1
}
