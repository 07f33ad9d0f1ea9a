/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * libc calls that no code here may use, as compile errors (the compiler includes
 * this header before every file of ours, after the system headers it names).
 * Numbers are parsed by base/parse.h, texts are built by base/sbuf.h, times are
 * written by base/time.h.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* libpq makes one of them part of a macro, so it must have been seen before they are poisoned */
#ifdef WITH_LIBPQ
#include <postgresql/libpq-fe.h>
#endif

/* glibc makes macros of some of them */
#undef sprintf
#undef vsprintf

#pragma GCC poison strtok strcpy strcat sprintf vsprintf strncpy strncat gets
#pragma GCC poison atoi atol atoll strtol strtoll strtoul strtoull
#pragma GCC poison gmtime localtime ctime asctime system popen
