/**
 * What to do about an error of a category, in a sentence or two: where to look first, and what usually helps. The rules of
 * the user come before, in their order (docs/categories.md lists what is said without any).
 */
import type { AdviceRule, Category, Classification, Group, RedactedError } from "../event";
import { firstMatch, type Rules } from "./rules";

/** Never empty: a category of somebody's own has the advice of its group. */
export function adviceOn(error: RedactedError, { category, group }: Classification, rules: Rules): string {
  const rule = firstMatch<AdviceRule>(rules.advice, error, category);
  return rule?.advice ?? BY_NAME.get(category) ?? ADVICE[group];
}

/** One for each category, and one for each group: for what is reported by the group's name, or by a name within it. */
export const ADVICE: { readonly [name in Category | Group]: string } = {
  hardware_error:
    "Read the kernel log of the host (`dmesg -T`) around this time, and take the host out of rotation if the device is named there.",
  hardware_not_available:
    "Check on the host that the device is listed and its driver loaded (`lspci`, `nvidia-smi`), and that the container was given it.",
  hardware_overheating: "Move work off this host, then check its fans, its airflow and the temperature of the room.",
  hardware_throttled:
    "Compare clock rate and temperature with a host that does the same work; improve the cooling, or lower the load.",
  hardware_other:
    "Look for ECC, Xid or I/O errors in the kernel log (`dmesg -T`); replace a device that shows them again after a restart.",

  resource_error:
    "Compare what the host or container uses (memory, disk, descriptors) with its limits; raise the limit or lower the load.",
  resource_exhausted:
    "Find what ran out: free disk space (`df -h`), raise the memory or descriptor limit, or lower the batch size of a GPU job. Then look for what grew.",
  resource_memory_pressure:
    "Lower concurrency or batch size on this host now; then compare heap snapshots, or give the container a higher memory limit.",
  resource_limit: "Read or send the data in parts (stream it, page it), or raise the limit that the message names.",

  worker_error: "Read the worker's last log lines before this error and its exit code or signal.",
  worker_crashed:
    "Start from the stack of the error that ended the process. Without one, look for the OOM killer (`dmesg -T`, reason OOMKilled) and for the signal.",
  worker_timeout:
    "Find what the worker waited for (its last span or log line); bound that call with a timeout of its own, or split the job.",
  worker_other:
    "Run the program by hand with the same arguments, user and environment, and read what it writes to stderr.",

  network_error:
    "Try the same address from the same host (`curl -v`); compare with when it last worked, and with deploys of the other side.",
  network_connection:
    "Check that the service listens on this address and port (`nc -vz HOST PORT` from the same host), and that no firewall or network policy is between.",
  network_timeout:
    "Look at the latency of the called service at this time. If it was slow, fix it there; if it never saw the call, look for dropped packets, or a pool or proxy that was full.",
  network_dns:
    "Resolve the name from the same host (`dig NAME`); correct the name, or the name servers in `/etc/resolv.conf` or the cluster's DNS.",
  network_tls:
    "Look at the certificate (`openssl s_client -connect HOST:PORT`): renew it, trust its authority (`NODE_EXTRA_CA_CERTS`), or correct host name, port or scheme.",

  connection_error:
    "Compare the time that requests take with the time-outs of the client and of every proxy on the way.",
  connection_aborted:
    "The client did not wait. If it happens more than usual, find the slow route or the time-out in client or proxy that is too short.",
  connection_reset_by_client:
    "If it happens more than usual, compare the keep-alive and idle time-outs of client, load balancer and server: the server's should be the longest.",

  database_error:
    "Run the statement by hand as the application's user, and read the log of the database server at this time.",
  database_connection:
    "Check that the server runs and takes this user and host, and compare its connection limit with the sum of all pools.",
  database_timeout:
    "Look for the statement in the database's slow log and its plan (`EXPLAIN`), and for the transaction that holds the lock it waits for.",
  database_constraint:
    "Find where this value comes from: validate it before the write, use an upsert for a repeated key, or write the parent row first.",
  database_deadlock:
    "Run the transaction again, a few times with a growing pause; then make all transactions lock rows in the same order and shorter.",
  database_syntax:
    "Compare the statement with the schema of this database: a migration that did not run, a misspelt name, or a value put in without a parameter.",
  database_other: "Look the code up in the manual of the database, and read the log of its server at this time.",

  http_error: "Open the trace of the request: the innermost span that failed shows which service to look at.",
  http_client_error:
    "If one client or page sends most of these, correct its link or call; if they began with a deploy, look for a route that moved.",
  http_server_error:
    "Open the trace of the request, and look for the first span or log record at error level within it.",
  http_upstream_error:
    "Look at the errors of the called service at this time. Repeat calls that are safe to repeat, and answer without it where that is possible.",

  validation_error: "Compare what was sent with what the schema expects; the message names the field.",
  validation_input:
    "Look at one request that failed. If a client of your own sent it, correct that client; otherwise check that the answer tells the sender what is wrong.",
  validation_schema:
    "The message names the field. Find out which side changed last, the sender or the schema, and make a new field optional until all senders have it.",

  auth_error: "Look at whose call it was and with which credential; try the same call with a fresh one.",
  auth_unauthenticated:
    "Check that the credential is sent, is not expired and is meant for this environment; compare the clocks of both sides, and refresh tokens before they end.",
  auth_forbidden:
    "Compare the roles of this account with what the action asks for; grant the missing one, or do not offer the action.",

  quota_error: "Look at the provider's page of usage and limits, and at which job or user the calls came from.",
  quota_rate_limited:
    "Wait as long as `Retry-After` says, then go on more slowly: queue, batch or cache the calls, or ask for a higher limit.",
  quota_exhausted:
    "Raise the budget or plan at the provider, or wait until the period ends; switch off what can wait until then.",

  content_filter:
    "Show the user that the text was refused, and do not send it again unchanged. If harmless texts are refused, rephrase the prompt's fixed part.",

  file_error: "Check path, owner and free space of the file's folder on the host that the event names.",
  file_upload:
    "Compare the names of the form's fields and the number of files with what the route takes, and the proxy's body limit and time-out with the file.",
  file_unsupported_format:
    "Compare the content type and encoding that were sent with those the route takes; convert the file, or name the formats where it is chosen.",
  file_too_large:
    "Raise the limit in the route and in every proxy before it, or check the size before the file is sent.",
  file_not_found:
    "Check the path for a wrong working directory or a missing mount, and whether another job moves or deletes the file first.",
  file_permission:
    "Compare the user that the process runs as (`id`) with owner and mode of the file and its folders (`namei -l PATH`), and look for a read-only mount.",
  file_cleanup:
    "Make the clean-up bear a file that is gone already, and find what still writes to the folder; check that the disk does not fill meanwhile.",

  analysis_error: "Run the analysis again with the input that the event names, with the log level at debug.",
  analysis_failed:
    "Run the analysis again with the same input. If it fails again, reduce the input until it passes: what was left out last is the cause.",
  analysis_step: "Look at the output of the step before this one: an empty or partial result there is the usual cause.",

  ui_error:
    "Open the page named in the event with the same browser and release, and repeat the last action with the console open.",
  ui_component:
    "Open the page with the same browser and release; look for data that the component takes for granted, or a script of an older release that is gone.",
  ui_session:
    "Check the lifetime of the session, the cookie's domain, path and SameSite, and whether all servers share the session store.",

  test_error:
    "Run this test alone, then the whole suite in the same order with the same seed: a difference points to shared state.",
  test_assertion: "Compare expected with actual, and look at what changed since this test last passed.",
  test_timeout:
    "Find what the test still waits for: a promise that is never settled, a server that did not start, or a real clock where a fake one would do.",
  test_setup:
    "Run the set-up alone; check that the services, ports and files that it needs are there, and that nothing is left of an earlier run.",

  application_error:
    "Start at the topmost frame of the application's own code and the values it was called with; look at what changed there in this release.",
  unknown_error:
    "The span or page that it belongs to leads to where it is thrown: throw an Error with a message and a cause there.",
};

const BY_NAME: ReadonlyMap<string, string> = new Map(Object.entries(ADVICE));
