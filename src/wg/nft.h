/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/*
 * The node's own nftables table, and what other tables do to forwarded traffic.
 *
 * The table `inet wgkeeper_NAME` only adds: masquerading of the tunnel's subnets where
 * they leave by the WAN interface, and accepting forwarded traffic between the two.
 * It is replaced in one transaction (nfnetlink batch), so there is no moment without
 * it, and nothing outside it is ever changed.
 */

#include <stdbool.h>

#include "base/cidr.h"
#include "base/err.h"

struct nft_rules {
	const char *interface; /* the tunnel's */
	const char *wan;
	struct cidr subnets[2];
	unsigned n_subnets;
	bool masquerade;
	bool isolate_peers; /* drop what would go from the tunnel straight back into it */
};

/** Makes the table what `rules` says. Same rules again: same table. */
int nft_install(const struct nft_rules *rules, struct err *err) must_check;

/** Removes the table; none is fine. */
int nft_remove(const char *interface, struct err *err) must_check;

enum nft_forwarding { NFT_FORWARD_OK, NFT_FORWARD_OFF, NFT_FORWARD_BLOCKED };

struct nft_verdict {
	enum nft_forwarding state;
	char remedy[256]; /* the command that mends it, or "" */
};

/** Whether traffic of these rules would be forwarded: `off` when the kernel's forwarding is off for a
 * family in use; `blocked` when a base chain of another table on the forward hook would drop it
 * (its policy or last rule drops and no rule of it accepts the interface). */
int nft_forwarding(const struct nft_rules *rules, struct nft_verdict *ret_verdict, struct err *err)
	must_check;
