# Print "r NAME COMMAND" for each SSH server that runs, where no sshd is in the usual places, and "h PATH" for each shell
# with which dropbear lets a user in (shells(5)).
sed -n 's/^\//h \//p' /etc/shells
for i in /proc/[0-9]*/comm; do
read -r x <$i
case $x in
dropbear*|sshd*|tinysshd*)echo r $x $(tr '\0' ' ' <${i%comm}cmdline || xargs -0 <${i%comm}cmdline)
esac
done 2>/dev/null
