# Show the last line of the file sos_path that holds more than blanks, as look.sh shows lines.
set -f
while IFS= read -r l || [ "$l" ]; do
set -- $l
[ "$1" ] && sos_last=$l
done <$sos_path
printf :%s\\n "$sos_last"
