# Report the result of inspect_keys.sh, and whether everything about sshd is plain: its configuration is Debian's default
# as far as logins with a key are concerned, so it reads ~/.ssh/authorized_keys and refuses no key. Then sshd itself need
# not be asked, which takes 200 ms on a slow machine. HOME must be the home folder in passwd(5): a profile may have
# changed it, and login sets HOME=/ if the folder is missing. A lab's machine without a system of its own has no passwd(5);
# it has a file of its user in HOME, where nobody else can put one. Runs after inspect_keys.sh.
#
#   sos_user    the user
#   stdin       the output of print_sshd_config.sh; read last
#
# Prints "s PLAIN CRC LENGTH LENGTH-IN-LINES KEY-LINES", where PLAIN is p if everything is plain, otherwise x, followed
# by the letters of sos_odd.
case $HOME/$(cat) in
~$sos_user/"UsePAM yes");;
*)[ -O ~/.slab ] || sos_elsewhere=x
esac
echo s ${sos_elsewhere:-p}$sos_odd $sos_was $z $k
