# The SSH host keys of this machine: of each file the public half, derived from the private one.
#
# Prints "t NAME PORT"; for each key file "f FILE" and then, as far as they can be had, "k TYPE BASE64" (derived)
# and "p TYPE BASE64" (what the .pub beside it says); "s TYPE BASE64" for what is served on loopback.
h=$(/usr/sbin/sshd -T 2>/dev/null)
p=$(printf '%s\n' "$h" | sed -n 's/^port //p' | head -n 1)
echo t $(uname -n) ${p:-22}
h=$(printf '%s\n' "$h" | sed -n 's/^hostkey //p')
for i in ${h:-/etc/ssh/ssh_host_*_key} /etc/dropbear/dropbear_*_host_key; do
[ -f $i ] || continue
echo f $i
printf 'k %s\n' "$(ssh-keygen -y -P '' -f $i 2>/dev/null || dropbearkey -y -f $i 2>/dev/null | grep AAAA)"
[ -f $i.pub ] && printf 'p %s\n' "$(head -n 1 $i.pub)"
done
ssh-keyscan -T 5 -p ${p:-22} 127.0.0.1 2>/dev/null | sed 's/^[^ ]* /s /'
