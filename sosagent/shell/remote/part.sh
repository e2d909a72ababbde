# Where the part of the file sos_path lies that has come so far: beside it.
sos_part=${sos_path%/*}/.${sos_path##*/}.sosagent-part
