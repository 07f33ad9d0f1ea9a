/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* Names that people gave peers on this machine before there was a node. */

struct keeper;
struct wgkey;

/** The name that the peer with this key has in the files of other tools, as valid text of at most NODE_LABEL_MAX
 * bytes, or NULL. It is the callee's and stays until the next call. */
const char *suggested_label(struct keeper *k, const struct wgkey *key);
