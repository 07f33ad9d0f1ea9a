/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* What a comment of wg-quick's file says about the name of a peer. Part of conf_parse.c. */

#include "wg/conf_parse.h"

enum conf_mark {
	CONF_MARK_NONE,   /* no name: decoration, a setting that was commented out */
	CONF_MARK_ABOVE,  /* names the next [Peer] */
	CONF_MARK_BLOCK,  /* … of a block that has an end mark, empty lines or not */
	CONF_MARK_INSIDE, /* names the peer it stands in */
	CONF_MARK_GUESS,  /* free text */
	CONF_MARK_END,    /* ends a block */
};

/** Tells what `comment` (trimmed, beginning with '#') is; `ret_name` is the name in it, of `ret_kind`. */
enum conf_mark conf_read_comment(
	struct span comment, struct span *ret_name, enum wgconf_name *ret_kind);
