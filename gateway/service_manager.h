/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_SERVICE_MANAGER_H
#define COAPGW_SERVICE_MANAGER_H

/*
 * service_manager: tells systemd, or whoever speaks sd_notify(3), about the life of the process.
 */

/* Sends "READY=1", "STOPPING=1" ... to the socket that NOTIFY_SOCKET names; nothing when it is not
 * set. A manager that does not take it is no reason to do anything else. */
void service_manager_tell(const char *state);
/* "RELOADING=1" with the time that Type=notify-reload wants; "READY=1" must follow. */
void service_manager_tell_reloading(void);

#endif
