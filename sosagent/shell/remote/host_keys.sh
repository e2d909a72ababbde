# Print the machine's SSH host keys. Each public key is derived from the private one.
#
# Prints "t NAME PORT"; for each key file "f FILE", followed as far as possible by "k TYPE BASE64" (the derived key)
# and "p TYPE BASE64" (the contents of the .pub file); and "s TYPE BASE64" for each key that sshd offers on loopback.
h=$(/usr/sbin/sshd -T 2>/dev/null)
p=$(printf '%s\n' "$h" | sed -n 's/^[Pp]ort //p' | head -n 1)
echo t $(uname -n) ${p:-22}
h=$(printf '%s\n' "$h" | sed -n 's/^[Hh]ost[Kk]ey //p')
for i in ${h:-/etc/ssh/ssh_host_*_key} /etc/dropbear/dropbear_*_host_key; do
[ -f $i ] || continue
echo f $i
printf 'k %s\n' "$(ssh-keygen -y -P '' -f $i 2>/dev/null || dropbearkey -y -f $i 2>/dev/null | grep AAAA)"
[ -f $i.pub ] && printf 'p %s\n' "$(head -n 1 $i.pub)"
done
ssh-keyscan -T 15 -p ${p:-22} 127.0.0.1 2>/dev/null | sed 's/^[^ ]* /s /'
