# The receiver: reads programs from an unreliable line, runs each at most once, and answers in frames.
#
# The collector (shell/start_line.py) evaluates it when its checksum is correct, or when the client has compared the text
# that the machine received. It runs after sum_with_cksum.sh or adapt.sh. No backslash may be used here. The client sets
#   sos_modes     arguments of stty that restore the tty modes
#   sos_seconds   after this time the dead-man's switch closes everything
#   sos_patience  how long one program may run
#
# It reads    )TEXT             a portion of a program
#             ]N CRC LENGTH     run the collected program if this is the checksum of N and the program
#             ]Z                restore everything and end
# It prints   =RTOOL            it is running, and TOOL computes its checksums, cksum if empty; also the answer to any other
#                               line, for a later client
#             :TEXT             the output of a program, whose other lines follow as they are
#             =N STATUS CRC LENGTH   the end of the output, with the checksum of "N STATUS OUTPUT"
#             =Z                everything is restored
# p holds the output of the last program that ran, unless that prints a portion of p and exits with 9
# (print_portion.sh).
# N counts the programs that ran. A request that is damaged or out of sequence changes nothing. Its answer is the reply
# of the last program that ran, and N shows that.
# Each process costs time, 30 ms on small machines, so builtins do most of the work.

x=
n=0

# Run $2 after $1 seconds, unless TERM comes first, which also ends the sleep. Only for the background.
# The colon at the end is for mksh, which ends without running the trap if `wait` is the last command.
sos_after(){
trap 'kill $!;exit' 15
sleep $1 & wait $! && eval "$2"
:
}

# The dead-man's switch. It ends the process group if this shell leads one, otherwise the shell.
sos_after $sos_seconds "stty $sos_modes<&1;kill -9 -$$ $$" & sos_switch=$!
echo =R$sos_tool

# The idle timeout of the tty (see the start line) looks like an end of file. It is ignored: the switch ends this shell.
# After a hangup of the tty, every read ends at once and every write fails; the signal may be ignored.
while read -r l || :; do
case $l in
")"*)x=$x${l#?};;
]Z)break;;
]*)[ "$l" = "]$n $(sos_sum "$n$x")" ] && {
n=$((n+1))
# Run the program, with a watchdog for its shell; the switch ends the processes that it starts. A background job is a
# subshell with /dev/null as its input, so it cannot read from the line. The watchdog closes its output itself, because
# mksh keeps a copy open for a redirected function, and the output would only end with it.
o=$(eval "$x" 2>&1 & sos_program=$!
{
exec >&- 2>&-
sos_after $sos_patience "kill -9 $sos_program"
} & wait $sos_program
r=$?
kill $!
exit $r)
r=$?
[ $r = 9 ] || p=$o
}
x=
printf :%s "$o"
echo
echo "=$n $r $(sos_sum "$n $r $o")";;
*)echo =R$sos_tool || break
esac
done
kill $sos_switch
wait $sos_switch
stty $sos_modes
echo =Z
exit
