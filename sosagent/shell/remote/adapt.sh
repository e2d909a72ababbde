# Adapt to a machine without cksum, stty or env: find the tools, and replace cksum. Runs in front of receiver.sh.
# No backslash may be used in both, because the machine prints the text with echo before it runs.
#
#   sos_known      PATTERN|PATTERN of `case` for the checksums of "a" and a newline
#   sos_crc        defines cksum as a function (crc.sh), for the programs that su starts, too
#   sos_alphabet   see crc.sh
#
# Sets sos_tool, the name of the program that computes the checksums of requests and replies; empty if that is the
# function, sh if the function has neither od nor hexdump.

# The environment may be the user's. The first folders are those of env -i.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin:/system/bin:$PATH
LC_ALL=C
TMOUT=0
export PATH LC_ALL TMOUT

# A tty that stty cannot set to raw keeps its line editing and its signals, which damage can cause.
trap "" INT QUIT TSTP
{
stty -echo raw icrnl opost min 0 time 255 || stty -echo -icanon -isig -ixon || stty -echo
} 2>&-

for sos_tool in cksum crc32 sha256sum md5sum ""; do
case "$(echo a | $sos_tool 2>&-)" in
$sos_known)break
esac
done
[ "$sos_tool" = cksum ] || {
export sos_crc sos_alphabet
eval "$sos_crc"
}
sos_command=${sos_tool:-cksum}
[ "$sos_tool$(echo a | {
od || hexdump
} 2>&-)" ] || sos_tool="sh"

# A checksum of the input, of any length.
sos_hash(){
set -- $($sos_command)
echo $1
}

sos_sum(){
set -- "$1" $(printf %s "$1" | $sos_command)
echo $2 ${#1}
}
