package pitfalls.spring;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.jetty.ConfigurableJettyWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import pitfalls.step07.StreamingProxy;

@Configuration
class ProxyConfiguration {
    @Value("${proxy.target}")
    private String target;

    @Bean
    WebServerFactoryCustomizer<ConfigurableJettyWebServerFactory> proxy() {
        return factory -> factory.addServerCustomizers(server -> {
            var proxy = new ContextHandler(new StreamingProxy(target), "/v1");
            server.setHandler(new Handler.Sequence(proxy, server.getHandler()));
        });
    }
}
