package pitfalls.spring;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A service of Spring Boot that knows nothing of the proxy: {@link ProxyConfiguration} puts it in front. */
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
}
