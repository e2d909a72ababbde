# Print the last line of the file sos_path that is not blank, as ":LINE".
set -f
while IFS= read -r l || [ "$l" ]; do
set -- $l
[ "$1" ] && sos_last=$l
done <$sos_path
printf :%s\\n "$sos_last"
