# Check keys against RevokedKeys of sshd (auth.c, auth_key_is_revoked): a key revocation list, or a file of keys.
#
#   sos_text    the file
#   sos_lines   the keys, two words each
#
# Prints for each "k 1" if the key is revoked, otherwise "k 0"; "?" instead if the file cannot be examined.
printf '%s %s\n' $sos_lines | while read -r i l; do
t=$(printf '%s\n' "$i $l" | ssh-keygen -Q -f "$sos_text" /dev/stdin 2>&1)
case $t in
*REVOKED*)echo k 1;;
*": ok"*)echo k 0;;
*magic*)grep -v '^[[:blank:]]*#' "$sos_text" | grep -qF "$l" && echo k 1 || echo k 0;;
*)echo "? $t" | head -n 1
esac
done
