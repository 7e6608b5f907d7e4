#!/bin/sh
# Starts workerd so that it ends when the process that supervises it ends, even by SIGKILL.
exec setpriv --pdeathsig KILL -- "$PORTER_WORKERD" "$@"
