# Which machine this is, what its sshd is told about a user, and what that user's file of keys holds.
#
#   sos_home    the user's home folder
#   sos_path    the file
#   sos_parts   "-e TEXT -e TEXT": a piece of each of our keys
#   sos_user    whose keys
#
# The sections end in a lone colon, so that the program after this one can run the first (these
# variables) or the last (the file) again. It prints, in this order:
#   host name; home; machine-id; sshd's lines (KEYWORD VALUE), or complaints of these commands;
#   "l" if the file is a link; ls -ldnL of home, folder and file;
#   "s CRC LENGTH NEWLINES-IN-THE-LAST-BYTE LINES"; NUMBER:LINE of each line that may hold our keys.
:
uname -n
echo $sos_home
cat /etc/machine-id
/usr/sbin/sshd -T -C user=$sos_user,host=h,addr=::1 | grep -E '^(a[lu]|de|permitr|pubkeyau)'
:
[ -h $sos_path ] && echo l
ls -ldnL $sos_home ${sos_path%/*} $sos_path
echo "s $(cksum<$sos_path) $(tail -c1 $sos_path|wc -l) $(grep -c '^[^#]' $sos_path)"
grep -nF $sos_parts $sos_path
