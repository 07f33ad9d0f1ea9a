/* SPDX-License-Identifier: AGPL-3.0-or-later */
#pragma once

/* The API's description (OpenAPI 3.1), read off the tables that the router uses. */

#include "http/http.h"

/** Writes the document of `routes`; rows marked ROUTE_HIDDEN are left out. */
void openapi_write(struct sbuf *out, const struct route *routes, size_t n_routes);
