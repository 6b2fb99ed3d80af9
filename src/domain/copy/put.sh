if [ -L "$to" ] || { [ -e "$to" ] && [ ! -f "$to" ]; }; then
  echo "$to is no regular file: name the file itself" >&2
  exit 1
fi
trap 'rm -f "$kept.part"' EXIT
umask 077
# Nothing that somebody else put there is written through.
rm -f "$kept.part"
set -C
printf %s "$file_text" >"$kept.part" && chmod "$mode" "$kept.part" || {
  echo "$kept.part could not be written: is its disk full?" >&2
  exit 1
}
if [ -e "$to" ] && cmp -s "$kept.part" "$to" && [ "$(stat -c %a "$to")" = "$mode" ]; then
  echo "$to is already so"
  exit 0
fi
if [ ! -e "$kept.before" ] && [ ! -e "$kept.absent" ]; then
  if [ -e "$to" ]; then ln "$to" "$kept.before"; else : >"$kept.absent"; fi || exit 1
fi
mv -f "$kept.part" "$to" || exit 1
echo "$to is replaced"
