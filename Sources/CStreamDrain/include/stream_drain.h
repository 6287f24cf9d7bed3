#pragma once

/* Starts a process that reads a socket to its end if the caller no longer does.

   The process reads the socket after the caller has closed its end of the heartbeat pipe, has ended,
   or has written nothing to the pipe for so many milliseconds. It discards what it reads.

   Swift does not import fork(2), and only calls that are safe in a signal handler may follow a fork
   of a process with several threads (signal-safety(7)). So this is a C function.

   Returns the process's number, or -1 with errno. The process ends with status 0 if it has read no
   byte, and with 1 otherwise. */
int snap_start_stream_drain(int heartbeat, int stream, int milliseconds);
