# Where the part of the file sos_path lies that has come so far: in a folder beside it, for nobody but us.
sos_part=${sos_path%/*}/.${sos_path##*/}.sosagent-part
