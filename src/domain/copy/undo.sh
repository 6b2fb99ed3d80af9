if [ "$kept.before" -ef "$to" ]; then
  # The run ended between keeping the file and replacing it.
  rm -f "$kept.before" && echo "$to was not replaced by that run: it is left as it is"
elif [ -e "$kept.before" ]; then
  mv -f "$kept.before" "$to" && echo "$to is what it was before"
elif [ -e "$kept.absent" ]; then
  rm -f "$to" "$kept.absent" && echo "$to was not there before, and is gone again"
else
  echo "$to was not changed by that run: it is left as it is"
fi
