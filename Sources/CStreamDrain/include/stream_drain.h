#pragma once

/* Starts a process that reads a stream's socket to its end if the caller no longer does.

   `control` is one of two connected sockets, of which the caller has the other. The process reads
   the stream after the caller has written nothing to that socket for so many milliseconds, or has
   closed it for writing, as its death does. The process discards what it reads. At the end of the
   stream it writes one byte to `control`, 0 if it has read nothing and 1 otherwise, and ends.

   Swift does not import fork(2), and only calls that are safe in a signal handler may follow a fork
   of a process with several threads (signal-safety(7)). So this is a C function.

   Returns 0, or -1 with errno. The process is not a child of the caller. */
int snap_start_stream_drain(int control, int stream, int milliseconds);
