<?php

// Publishes with symfony/mercure: URL TOKEN TOPIC DATA. Prints the id, or the refusal.
//
// The library takes a token as it is, of either dialect; what it sends is the same in both.

require 'Symfony/Component/Mercure/autoload.php';
require 'Symfony/Component/HttpClient/autoload.php';

use Symfony\Component\HttpClient\HttpClient;
use Symfony\Component\Mercure\Hub;
use Symfony\Component\Mercure\Jwt\StaticTokenProvider;
use Symfony\Component\Mercure\Update;

[, $url, $token, $topic, $data] = $argv;
$client = HttpClient::create(['no_proxy' => '*']);
$hub = new Hub($url, new StaticTokenProvider($token), null, null, $client);
try {
    echo $hub->publish(new Update($topic, $data, true));
} catch (Symfony\Component\Mercure\Exception\RuntimeException $refused) {
    echo $refused->getPrevious()->getResponse()->getStatusCode();
}
