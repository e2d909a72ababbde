# Print the last sos_lines messages of sshd in the log, as "l LINE" each.
h=$(journalctl -q -n $sos_lines -t sshd -t sshd-session -t sshd-auth 2>/dev/null)
[ "$h" ] || h=$({
for i in auth.log secure messages; do
tail -n 500 /var/log/$i
done
logread
} 2>/dev/null | grep -E 'sshd|dropbear' | tail -n $sos_lines)
printf '%s\n' "$h" | cut -c -300 | sed 's/^/l /'
