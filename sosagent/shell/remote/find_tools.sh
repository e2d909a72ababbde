# Find the commands that turn bytes into text and back. Each is tried, because some exist but do not work.
#
#   sos_decoders, sos_encoders   commands, one word each
#   sos_hexadecimal              commands that print bytes as hexadecimal
#
# Prints "d N" and "e N", the index of the first that works, or their number if none does; "x" if none of
# sos_encoders works and sos_hexadecimal does, "z" if gzip works.
n=0
for p in $sos_decoders; do
[ "$(printf c29zYWdlbnQ= | eval "$p" 2>/dev/null)" = sosagent ] && break
n=$((n+1))
done
echo d $n
n=0
x=1
for p in $sos_encoders; do
[ "$(printf sosagent | eval "$p" 2>/dev/null)" = c29zYWdlbnQ= ] && x= && break
n=$((n+1))
done
echo e $n
[ "$x" ] && [ "$(printf sosagent | $sos_hexadecimal)" = 736f736167656e74 ] && echo x
[ "$(printf sosagent | gzip -c 2>/dev/null | gzip -dc 2>/dev/null)" = sosagent ] && echo z
