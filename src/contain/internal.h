/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

#include "contain/contain.h"

/** Restricts files, TCP ports, and what may be reached outside. 0, or the version that is in force. */
int landlock_enter(const struct contain_places *places, struct err *err) must_check;

/** Installs the filter of system calls. */
int seccomp_enter(const struct contain_rules *rules, struct err *err) must_check;
