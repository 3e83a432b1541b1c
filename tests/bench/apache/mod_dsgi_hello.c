/* The hello as a native Apache module: the peer that also calls into a loaded library. */

#include "httpd.h"
#include "http_config.h"
#include "http_protocol.h"

static int hello(request_rec *r)
{
    static const char body[] = "I'm a DSGI application.\n";

    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_set_content_length(r, sizeof body - 1);
    if (!r->header_only)
        ap_rwrite(body, sizeof body - 1, r);
    return OK;
}

/* The path is never looked up on the disk. */
static int no_file(request_rec *r)
{
    r->filename = "/";
    return OK;
}

static int no_walk(request_rec *r)
{
    (void)r;
    return OK;
}

static void hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_translate_name(no_file, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(no_walk, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(hello, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(dsgi_hello) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks
};
