package pitfalls.step04;

import pitfalls.support.ScriptedUpstream.Script;

/** What the tests of the {@link RetryingProxy} share: the proxy, and what its upstreams do. */
final class Retrying {
    /** The upstream reads a request, and ends the connection. */
    static final Script DIES = connection -> connection.receiveRequest();

    /** The upstream reads a request, and answers it. */
    static final Script ANSWERS = connection -> {
        connection.receiveRequest();
        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
    };

    private Retrying() {}

    /** A proxy with that policy, not started. */
    static RetryingProxy newProxy(String target, RetryPolicy policy) {
        var proxy = new RetryingProxy(target);
        proxy.setRetryPolicy(policy);
        return proxy;
    }
}
