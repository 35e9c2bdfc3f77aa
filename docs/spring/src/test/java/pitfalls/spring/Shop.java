package pitfalls.spring;

import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.jetty.ConfigurableJettyWebServerFactory;
import org.springframework.boot.web.server.WebServerFactoryCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import pitfalls.step07.StreamingProxy;

/** A service of Spring Boot that answers some requests itself, and forwards what begins with {@code /v1/}. */
@SpringBootApplication
@RestController
public class Shop {
    /** Starts the service. */
    public static void main(String[] args) {
        SpringApplication.run(Shop.class, args);
    }

    @GetMapping("/hello")
    String hello() {
        return "hello";
    }

    @Bean
    WebServerFactoryCustomizer<ConfigurableJettyWebServerFactory> proxy(@Value("${proxy.target}") String target) {
        return factory -> factory.addServerCustomizers(server -> {
            var proxy = new ContextHandler(new StreamingProxy(target), "/v1");
            server.setHandler(new Handler.Sequence(proxy, server.getHandler()));
        });
    }
}
