// Shows /openapi.json in Swagger UI. What is tried there is sent with the session of whoever is signed in.

globalThis.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  validatorUrl: null, // the default asks validator.swagger.io
});
