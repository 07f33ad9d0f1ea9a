// SPDX-License-Identifier: AGPL-3.0-or-later
// The icons in use; each is named here once, so the bundle holds no other.
import server from 'lucide-static/icons/server.svg';
import key from 'lucide-static/icons/key-round.svg';
import users from 'lucide-static/icons/users.svg';
import scroll from 'lucide-static/icons/scroll-text.svg';
import search from 'lucide-static/icons/search.svg';
import plus from 'lucide-static/icons/plus.svg';
import x from 'lucide-static/icons/x.svg';
import check from 'lucide-static/icons/check.svg';
import copy from 'lucide-static/icons/copy.svg';
import download from 'lucide-static/icons/download.svg';
import eye from 'lucide-static/icons/eye.svg';
import eyeOff from 'lucide-static/icons/eye-off.svg';
import chevDown from 'lucide-static/icons/chevron-down.svg';
import sun from 'lucide-static/icons/sun.svg';
import moon from 'lucide-static/icons/moon.svg';
import rotate from 'lucide-static/icons/refresh-cw.svg';
import ban from 'lucide-static/icons/ban.svg';
import clock from 'lucide-static/icons/clock.svg';
import warn from 'lucide-static/icons/triangle-alert.svg';
import user from 'lucide-static/icons/user-round.svg';
import logout from 'lucide-static/icons/user-round-x.svg';
import info from 'lucide-static/icons/info.svg';
import arrowUpCircle from 'lucide-static/icons/circle-arrow-up.svg';
const raw = { server, key, users, scroll, search, plus, x, check, copy, download, eye, eyeOff, chevDown, sun, moon, rotate, ban, clock, warn, user, logout, info, arrowUpCircle };
export type IconName = keyof typeof raw;
export const icons = Object.fromEntries(Object.entries(raw).map(([k, v]) => [k, v.replace(/[\s\S]*?<svg[^>]*>/, '').replace('</svg>', '').trim()])) as Record<IconName, string>;
