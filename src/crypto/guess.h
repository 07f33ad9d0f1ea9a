/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * Passwords that are tried first: the blocklist of NIST SP 800-63B-4 section 3.1.1.2.
 *
 * The whole password counts, not a word in it: it is easy when it is nothing but
 * words of a short list of our own, of the user's name and of this product, runs of
 * the keyboard, years, and a few digits or marks between them; or a short piece
 * repeated.
 * A passphrase of other words passes, whatever else it contains.
 */

#include <stdbool.h>

#include "base/span.h"

/** `username` may be "". Letters count in either case, and with the usual digits for letters. */
bool guess_is_easy(struct span password, const char *username);
