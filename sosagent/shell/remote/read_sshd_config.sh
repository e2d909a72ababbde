# Report the result of inspect_keys.sh, and whether everything about sshd is plain: its configuration is Debian's default
# as far as logins with a key are concerned, so it reads ~/.ssh/authorized_keys and refuses no key. Then sshd itself need
# not be asked, which takes 200 ms on a slow machine. Login sets HOME=/ if the home folder is missing, so that is not
# plain. Runs after inspect_keys.sh.
#
#   stdin       the output of print_sshd_config.sh; read last
#
# Prints "s PLAIN CRC LENGTH LENGTH-IN-LINES KEY-LINES", where PLAIN is p if everything is plain, otherwise x, followed
# by the letters of sos_odd.
case $(cat)$HOME in
"UsePAM yes"/?*);;
*)sos_elsewhere=x
esac
echo s ${sos_elsewhere:-p}$sos_odd $sos_was $z $k
