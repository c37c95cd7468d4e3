// The scripts that read and write files in a machine. A path arrives in base64, so that every byte of a name passes, and is
// only ever used as an argument that begins with `/`.

/** `path` sets `p`; `sum` prints the SHA-256 of its input; `info` prints facts of a file with GNU's, BusyBox's or BSD's stat. */
const FILES = `
LC_ALL=C; export LC_ALL
umask 022
need base64 stat
path() { p=$(printf %s "$1" | base64 -d; echo x); p=$root\${p%x}; }
info() { stat -c "$1" -- "$3" 2>/dev/null || stat -f "$2" -- "$3" 2>/dev/null; }
real() { stat -L -c "$1" -- "$3" 2>/dev/null || stat -L -f "$2" -- "$3" 2>/dev/null; }
if command -v sha256sum >/dev/null 2>&1; then hash() { sha256sum; }
elif command -v shasum >/dev/null 2>&1; then hash() { shasum -a 256; }
else echo sha256sum; exit 97; fi
sum() { s=$(hash) && echo "\${s%% *}"; }
stamp() { real '%s %Y %i' '%z %m %i' "$1"; }
regular() {
  [ -e "$p" ] || fail missing
  [ ! -d "$p" ] || fail directory
  [ -f "$p" ] || fail special
}
`

/** Arguments: path, entries at most. Prints for each group of names one line of names, and one line for each of them. */
export const LIST_SCRIPT = `${FILES}
need tr
path "$1"; most=$2
[ -e "$p" ] || fail missing
[ -d "$p" ] || fail file
cd "$p" || fail refused
group() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  [ "$#" -le "$most" ] || fail many
  printf '%s\\0' "$@" | base64 | tr -d '\\n'
  echo
  info '%f %s %Y' '%Xp %z %m' "$@"
  echo
}
info() { a=$1; b=$2; shift 2; stat -c "$a" -- "$@" 2>/dev/null || stat -f "$b" -- "$@" 2>/dev/null; }
group *
group .[!.]*
group ..?*`

/** Arguments: path, bytes at most. Prints the stamp, the mode and the SHA-256. */
export const HEAD_SCRIPT = `${FILES}
path "$1"
regular
size=$(real %s %z "$p"); [ "$size" -le "$2" ] || fail large
stamp "$p"
real %f %Xp "$p"
sum <"$p"`

/** Arguments: path, number and size of the chunk. Prints the stamp, the SHA-256 of the chunk, and the chunk. */
export const CHUNK_SCRIPT = `${FILES}
need dd tr
path "$1"
regular
chunk() { dd if="$p" bs="$2" skip="$1" count=1 2>/dev/null; }
stamp "$p"
chunk "$2" "$3" | sum
chunk "$2" "$3" | base64 | tr -d '\\n'`

/** `t` is where an upload is written: beside its target, so that a rename replaces the target at once. */
const UPLOAD = `${FILES}
need cat chmod mkdir mv rm
target() { path "$1"; dir=\${p%/*}; [ -n "$dir" ] || dir=/; t="\${dir%/}/.molecule-upload-$2"; }
current() { if [ -f "$p" ]; then sum <"$p"; else echo none; fi; }
`

/** Arguments: path, id. Prints the SHA-256 of the present file, or `none`. */
export const BEGIN_SCRIPT = `${UPLOAD}
target "$1" "$2"
[ ! -d "$p" ] || fail directory
[ ! -e "$p" ] || [ -f "$p" ] || fail special
mkdir -p "$dir" 2>/dev/null || fail parent
find "$dir" -maxdepth 1 -name '.molecule-upload-*' -mmin +60 -exec rm -rf {} + >/dev/null 2>&1
(umask 077 && : >"$t") 2>/dev/null || fail refused
current`

/** Arguments: path, id, offset, length and SHA-256 of the chunk. Input: the chunk. A repetition changes nothing. */
export const APPEND_SCRIPT = `${UPLOAD}
need tail
target "$1" "$2"; offset=$3; length=$4; expected=$5
[ -f "$t" ] || fail lost
size=$(info %s %z "$t")
if [ "$size" = "$((offset + length))" ]; then
  [ "$(tail -c "$length" <"$t" | sum)" = "$expected" ] || fail broken
  exit 0
fi
[ "$size" = "$offset" ] || fail broken
base64 -d >"$t.part" || { rm -f "$t.part"; fail room; }
[ "$(sum <"$t.part")" = "$expected" ] || fail broken
cat "$t.part" >>"$t" || { rm -f "$t.part" "$t"; fail room; }
rm -f "$t.part"`

/**
 * Arguments: path, id, length, the SHA-256 that the present file must have or `any`, and the one of the upload or `any`.
 * Prints `created` or `replaced`, and the SHA-256.
 */
export const COMMIT_SCRIPT = `${UPLOAD}
target "$1" "$2"; length=$3; before=$4; digest=$5
if [ ! -e "$t" ]; then
  # The answer to an earlier attempt was lost.
  [ -f "$p" ] && [ "$(real %s %z "$p")" = "$length" ] || fail lost
  echo replaced; sum <"$p"; exit 0
fi
[ "$(info %s %z "$t")" = "$length" ] || fail broken
new=$(sum <"$t")
[ "$digest" = any ] || [ "$digest" = "$new" ] || { rm -f "$t"; fail digest; }
[ "$before" = any ] || [ "$before" = "$(current)" ] || { rm -f "$t"; fail changed; }
[ ! -d "$p" ] || { rm -f "$t"; fail directory; }
if [ -f "$p" ]; then word=replaced; mode=$(real %a %Lp "$p"); else word=created; mode=644; fi
chmod "$mode" "$t" && mv -f "$t" "$p" || { rm -f "$t"; fail refused; }
echo "$word"; echo "$new"`

/** Arguments: path, id. */
export const ABORT_SCRIPT = `${UPLOAD}
target "$1" "$2"
rm -rf "$t" "$t.part"`

/** Arguments: path, `yes` for a directory with all that is in it, the SHA-256 that the file must have or `any`. */
export const DELETE_SCRIPT = `${UPLOAD}
need rmdir
path "$1"
[ -e "$p" ] || [ -L "$p" ] || fail missing
[ "$3" = any ] || [ "$3" = "$(current)" ] || fail changed
if [ -d "$p" ] && [ ! -L "$p" ]; then
  if [ "$2" = yes ]; then rm -rf "$p" || fail refused; else rmdir "$p" 2>/dev/null || fail full; fi
else rm -f "$p" || fail refused; fi`

/** Arguments: path, id, bytes at most. Writes the archive of a directory to a file of its own. */
export const PACK_SCRIPT = `${FILES}
need head mkdir rm tar
path "$1"; t="$root/tmp"; a="$t/.molecule-archive-$2"; most=$3
[ -e "$p" ] || fail missing
[ -d "$p" ] || fail file
mkdir -p "$t" || fail refused
find "$t" -maxdepth 1 -name '.molecule-archive-*' -mmin +60 -exec rm -f {} + >/dev/null 2>&1
(umask 077; tar -C "$p" -cf - --exclude "./tmp/.molecule-archive-*" . 2>/dev/null | head -c "$((most + 1))" >"$a")
[ -s "$a" ] || { rm -f "$a"; fail refused; }
[ "$(real %s %z "$a")" -le "$most" ] || { rm -f "$a"; fail large; }`

/** Arguments: path of the directory, path of the archive, id. Each file gets its name by a rename, when all are unpacked. */
export const UNPACK_SCRIPT = `${FILES}
need find mkdir mv rm tar
path "$2"; a=$p
path "$1"; D=$p; export D
stage="\${D%/}/.molecule-upload-$3"
end() { rm -rf "$stage" "$a"; fail "$1"; }
[ ! -e "$D" ] || [ -d "$D" ] || end file
mkdir -p "$D" 2>/dev/null && mkdir "$stage" || end parent
tar -C "$stage" -xof "$a" >/dev/null 2>&1 || end archive
cd "$stage" || end refused
find . ! -type d -exec sh -c 'for f; do [ ! -d "$D/$f" ] || [ -L "$D/$f" ] || exit 1; done' sh {} + || end clash
find . -type d -exec sh -c 'for f; do mkdir -p "$D/$f" 2>/dev/null || exit 1; done' sh {} + || end clash
find . ! -type d -exec sh -c 'for f; do mv -f "$f" "$D/$f" || exit 1; done' sh {} + || end refused
cd /; rm -rf "$stage" "$a"`
